import type { Profile } from './schemas.ts';

/**
 * Who can log in from the start. Brightpath and Kestrel are two tenants: neither sees the other's companies and tickets.
 * The passwords are public and good for the demo only.
 */
export const seededUsers: readonly (Profile & { password: string })[] = [
  {
    id: 'user-ada',
    email: 'ada@brightpath.example',
    name: 'Ada Moreau',
    roles: ['admin'],
    tenantId: 'brightpath',
    password: 'demo-only-ada-admin',
  },
  {
    id: 'user-ben',
    email: 'ben@brightpath.example',
    name: 'Ben Okafor',
    roles: ['manager', 'agent'],
    tenantId: 'brightpath',
    password: 'demo-only-ben-manager',
  },
  {
    id: 'user-carla',
    email: 'carla@brightpath.example',
    name: 'Carla Jensen',
    roles: ['client'],
    tenantId: 'brightpath',
    password: 'demo-only-carla-client',
  },
  {
    id: 'user-dmitri',
    email: 'dmitri@kestrel.example',
    name: 'Dmitri Halvorsen',
    roles: ['admin'],
    tenantId: 'kestrel',
    password: 'demo-only-dmitri-admin',
  },
];

import type { Company, Contact } from './schemas.ts';

const seeded = { createdAt: '2025-03-03T09:00:00.000Z', updatedAt: '2025-03-03T09:00:00.000Z' };
const brightpath = { ...seeded, tenantId: 'brightpath' };
const kestrel = { ...seeded, tenantId: 'kestrel' };

/** The companies at the start. `lindqvist` has no contacts, so it can be deleted. */
export const seededCompanies: readonly Company[] = [
  {
    ...brightpath,
    id: 'acme',
    name: 'Acme Manufacturing',
    industry: 'Manufacturing',
    city: 'Rotterdam',
    status: 'active',
  },
  {
    ...brightpath,
    id: 'harbour',
    name: 'Harbour Logistics',
    industry: 'Transport',
    city: 'Hamburg',
    status: 'active',
  },
  {
    ...brightpath,
    id: 'lindqvist',
    name: 'Lindqvist & Partners',
    industry: 'Law',
    city: 'Malmö',
    status: 'prospect',
  },
  {
    ...kestrel,
    id: 'meridian',
    name: 'Meridian Health',
    industry: 'Health care',
    city: 'Bergen',
    status: 'active',
  },
];

/** The contacts at the start. */
export const seededContacts: readonly Contact[] = [
  {
    ...brightpath,
    id: 'jan-de-wit',
    companyId: 'acme',
    name: 'Jan de Wit',
    email: 'jan.dewit@acme.example',
    phone: '+31 10 555 0142',
    position: 'IT manager',
  },
  {
    ...brightpath,
    id: 'sofia-marin',
    companyId: 'acme',
    name: 'Sofia Marin',
    email: 'sofia.marin@acme.example',
    phone: null,
    position: 'Purchasing',
  },
  {
    ...brightpath,
    id: 'tom-becker',
    companyId: 'harbour',
    name: 'Tom Becker',
    email: 'tom.becker@harbour.example',
    phone: '+49 40 555 0117',
    position: 'Head of operations',
  },
  {
    ...kestrel,
    id: 'ingrid-aas',
    companyId: 'meridian',
    name: 'Ingrid Aas',
    email: 'ingrid.aas@meridian.example',
    phone: null,
    position: 'CIO',
  },
];

import { randomUUID } from 'node:crypto';
import { hashPassword, isPassword, type PasswordHash } from './password-hash.ts';
import type { Profile } from './schemas.ts';
import { seededUsers } from './seeded-users.ts';

interface NewUser {
  email: string;
  name: string;
  password: string;
}

/** Users and their passwords. Addresses are expected in lower case. */
export interface UserDirectory {
  /** Null when the address or the password is wrong; which of them, nobody learns. */
  authenticate: (email: string, password: string) => Promise<Profile | null>;
  /** Null when the address is taken. */
  register: (user: NewUser) => Promise<Profile | null>;
  byId: (id: string) => Profile | undefined;
}

/** A directory that starts with the seeded users. */
export async function userDirectory(): Promise<UserDirectory> {
  const byEmail = new Map<string, { profile: Profile; hash: PasswordHash }>();
  const profiles = new Map<string, Profile>();
  const hashOfNobody = await hashPassword(randomUUID());
  await Promise.all(seededUsers.map(({ password, ...profile }) => add(profile, password)));
  return { authenticate, register, byId: (id) => profiles.get(id) };

  async function add(profile: Profile, password: string): Promise<Profile | null> {
    const hash = await hashPassword(password);
    // Looked up after the wait: two registrations of one address may be hashing at the same time.
    if (byEmail.has(profile.email)) return null;
    byEmail.set(profile.email, { profile, hash });
    profiles.set(profile.id, profile);
    return profile;
  }

  async function authenticate(email: string, password: string): Promise<Profile | null> {
    const user = byEmail.get(email);
    // An unknown address costs one derivation too, or the time to answer would tell who has an account.
    const isRight = await isPassword(password, user?.hash ?? hashOfNobody);
    return user && isRight ? user.profile : null;
  }

  /** Alone in a new tenant and without rights: anyone may register, so nobody gets into a tenant, or an admin, that way. */
  function register({ email, name, password }: NewUser): Promise<Profile | null> {
    const [id, tenantId] = [`user-${randomUUID()}`, `tenant-${randomUUID()}`];
    return add({ id, email, name, roles: ['client'], tenantId }, password);
  }
}

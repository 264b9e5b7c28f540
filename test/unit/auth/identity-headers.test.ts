import { describe, expect, it } from '@jest/globals';
import { callerFromClaims } from '../../../src/auth/identity-headers.ts';
import { Problem } from '../../../src/problem/problem.ts';

const mapping = { 'X-User-Id': 'sub', 'X-User-Email': 'email', 'X-User-Roles': 'roles', 'X-Tenant-Id': 'tenantId' };
const fromClaims = callerFromClaims({ headers: mapping, scopeClaims: ['scope', 'scp', 'permissions'] });
const callerOf = (claims: Record<string, unknown>) => fromClaims({ sub: 'u', exp: 1, ...claims });
const headersOf = (claims: Record<string, unknown>) => Object.fromEntries(callerOf(claims).headers);

describe('callerFromClaims', () => {
  it('makes a caller with one header for each claim that is there', () => {
    expect(callerOf({ email: 'a@b.c', roles: ['agent', 'admin'], tenantId: 't', jti: 'j', iat: 7 })).toEqual({
      userId: 'u',
      tenantId: 't',
      roles: ['agent', 'admin'],
      scopes: [],
      credential: { kind: 'token', jti: 'j', issuedAtSeconds: 7 },
      headers: [
        ['X-User-Id', 'u'],
        ['X-User-Email', 'a@b.c'],
        ['X-User-Roles', 'agent,admin'],
        ['X-Tenant-Id', 't'],
      ],
    });
    expect(callerOf({ email: null })).toEqual({
      userId: 'u',
      tenantId: undefined,
      roles: [],
      scopes: [],
      credential: { kind: 'token', jti: undefined, issuedAtSeconds: undefined },
      headers: [['X-User-Id', 'u']],
    });
  });

  it.each([
    ['a line break', 'a\r\nX-User-Id: root', 'a%0D%0AX-User-Id:%20root'],
    ['NUL and DEL', '\0\x7f', '%00%7F'],
    ['a letter beyond ASCII', 'Zoë', 'Zo%C3%AB'],
    ['a letter beyond the BMP', '😀', '%F0%9F%98%80'],
    ['half of a surrogate pair', '\ud83d!', '%EF%BF%BD!'],
    ['a percent sign', '100%41', '100%2541'],
    ['a comma', 'a,b', 'a%2Cb'],
    ['a space', ' a b ', '%20a%20b%20'],
    ['nothing', '', ''],
    ['everything else', '!"#$&\'()*+-./09:;<=>?@AZ[\\]^_`az{|}~', '!"#$&\'()*+-./09:;<=>?@AZ[\\]^_`az{|}~'],
  ])('encodes %s so that it can not be anything but part of one value', (_what, email, expected) => {
    expect(headersOf({ email })['X-User-Email']).toBe(expected);
    if (email.isWellFormed()) expect(decodeURIComponent(expected)).toBe(email);
  });

  it('keeps a role with a comma one role', () => {
    expect(headersOf({ roles: ['agent,admin', 'b'] })['X-User-Roles']).toBe('agent%2Cadmin,b');
    expect(callerOf({ roles: ['agent,admin'] }).roles).toEqual(['agent,admin']);
  });

  it.each([
    ['roles', 'admin'],
    ['roles', { 0: 'admin' }],
    ['roles', ['agent', 7]],
    ['roles', ['agent', ['admin']]],
    ['roles', true],
    ['email', { toString: 'x' }],
    ['email', true],
    ['email', [['nested']]],
    ['email', [null]],
    ['tenantId', {}],
    ['tenantId', ['acme']],
    ['tenantId', 'acme\0'],
    ['tenantId', 'x'.repeat(256)],
  ])('refuses a claim %s that is %j', (claim, value) => {
    const refusal = problemOf(() => callerOf({ [claim]: value }));
    expect(refusal.reason).toBe('token_claims_invalid');
    expect(refusal.message).toContain(`\`${claim}\``);
  });

  it('takes a tenant that is a number for the tenant of that name, as its header does', () => {
    expect(callerOf({ tenantId: 7 })).toMatchObject({
      tenantId: '7',
      headers: [
        ['X-User-Id', 'u'],
        ['X-Tenant-Id', '7'],
      ],
    });
    expect(callerOf({ tenantId: '' }).tenantId).toBeUndefined();
  });

  it('goes by the claims that feed the headers of tenant and roles', () => {
    const headers = { 'x-tenant-id': 'org', 'X-User-Roles': 'groups' };
    const caller = callerFromClaims({ headers, scopeClaims: [] })({
      ...{ sub: 'u', exp: 1, org: 'acme', tenantId: 'other', groups: ['agent'], roles: ['admin'] },
    });
    expect(caller).toMatchObject({ tenantId: 'acme', roles: ['agent'] });
    expect(caller.headers).toEqual([
      ['x-tenant-id', 'acme'],
      ['X-User-Roles', 'agent'],
    ]);
  });

  it('refuses a claim that would make a header of more than 4096 characters', () => {
    expect(headersOf({ email: 'x'.repeat(4096) })['X-User-Email']).toHaveLength(4096);
    expect(problemOf(() => callerOf({ email: 'x'.repeat(4097) })).reason).toBe('token_claims_invalid');
    expect(problemOf(() => callerOf({ email: '\0'.repeat(1366) })).reason).toBe('token_claims_invalid');
  });

  it.each(['__proto__', 'constructor', 'toString'])('finds no claim %s in what every object has', (claim) => {
    expect(
      callerFromClaims({ headers: { 'X-Odd': claim }, scopeClaims: [claim] })({ sub: 'u', exp: 1 }).headers,
    ).toEqual([]);
  });

  it.each([
    [{ scope: 'read:tickets:own  write:tickets' }, ['read:tickets:own', 'write:tickets']],
    [{ scp: ['read', 'write'] }, ['read', 'write']],
    [{ permissions: ['read'], scope: 'read write' }, ['read', 'write']],
    [{ scope: '' }, []],
    [{ scope: null }, []],
    [{ scopes: ['read'] }, []],
  ])('reads the scopes of %j as %j', (claims, scopes) => {
    expect(callerOf(claims).scopes).toEqual(scopes);
  });

  it.each([[{ scope: 7 }], [{ scp: { read: true } }], [{ permissions: ['read', 7] }]])(
    'refuses %j, which the gateway and a service could read as different scopes',
    (claims) => {
      expect(() => callerOf(claims)).toThrow('must be a text or a list of texts');
    },
  );
});

function problemOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

import type { Operation } from '../shared/operation.ts';
import { Problem } from '../shared/problem.ts';
import { tenantStore } from '../shared/tenant-store.ts';
import { collectionOperations } from './collection-operations.ts';
import { type Company, type Contact, companyBodies, companySchema, contactBodies, contactSchema } from './schemas.ts';
import { seededCompanies, seededContacts } from './seeds.ts';

/** Companies, and the people one knows there. */
export function crmOperations(): Operation[] {
  const companies = tenantStore('company', seededCompanies);
  const contacts = tenantStore('contact', seededContacts);
  return [
    ...collectionOperations({
      path: '/companies',
      noun: 'Company',
      store: companies,
      schema: companySchema,
      bodies: companyBodies,
      texts: ({ name, industry, city }) => [name, industry ?? '', city ?? ''],
      deletion: {
        conflict: 'The company has contacts; delete or move them first.',
        check: refuseWithContacts,
      },
    }),
    ...collectionOperations({
      path: '/contacts',
      noun: 'Contact',
      store: contacts,
      schema: contactSchema,
      bodies: contactBodies,
      texts: ({ name, email, position, companyId }) => [name, email, position ?? '', companyId],
      checkBeforePut: requireCompany,
    }),
  ];

  function refuseWithContacts({ tenantId, id, name }: Company): void {
    const count = contacts.list(tenantId).filter(({ companyId }) => companyId === id).length;
    if (count === 0) return;
    throw new Problem({ status: 409, detail: `${name} has ${count} contact(s); delete or move them first.` });
  }

  function requireCompany({ tenantId, companyId }: Contact): void {
    if (companies.has(tenantId, companyId)) return;
    const errors = [
      { at: 'body.companyId', detail: `Expected the id of a company of your tenant, not "${companyId}"` },
    ];
    throw new Problem({ status: 400, detail: 'The body is not as expected; see errors.', errors });
  }
}

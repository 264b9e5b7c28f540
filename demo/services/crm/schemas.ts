import { z } from 'zod';
import { bodyOf } from '../shared/body-of.ts';
import { seededCompanies, seededContacts } from './seeds.ts';

const record = {
  id: z.string(),
  tenantId: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
};

const companyFields = {
  name: z.string().trim().min(1).max(120),
  industry: z.string().trim().min(1).max(60).nullable(),
  city: z.string().trim().min(1).max(80).nullable(),
  status: z.enum(['prospect', 'active', 'former']),
};

const contactFields = {
  companyId: z.string().min(1).max(80),
  name: z.string().trim().min(1).max(100),
  email: z.email().max(254),
  phone: z.string().trim().min(3).max(40).nullable(),
  position: z.string().trim().min(1).max(80).nullable(),
};

const exampleCompany = {
  name: 'Acme Manufacturing',
  industry: 'Manufacturing',
  city: 'Rotterdam',
  status: 'active',
};
const exampleContact = {
  companyId: 'acme',
  name: 'Jan de Wit',
  email: 'jan.dewit@acme.example',
  phone: '+31 10 555 0142',
  position: 'IT manager',
};

const company = z.object({ ...record, ...companyFields });
const contact = z.object({ ...record, ...contactFields });

/** @see companySchema */
export type Company = z.infer<typeof company>;
/** @see contactSchema */
export type Contact = z.infer<typeof contact>;

/** A company as kept and answered. */
export const companySchema = company.meta({ id: 'Company', examples: seededCompanies.slice(0, 1) });
/** A contact as kept and answered. */
export const contactSchema = contact.meta({ id: 'Contact', examples: seededContacts.slice(0, 1) });

/** The bodies of POST (what can be left out has a default), PUT (everything) and PATCH (anything) for companies. */
export const companyBodies = {
  create: bodyOf({
    ...companyFields,
    industry: companyFields.industry.default(null),
    city: companyFields.city.default(null),
    status: companyFields.status.default('prospect'),
  }).meta({ id: 'NewCompany', examples: [exampleCompany] }),
  replace: bodyOf(companyFields).meta({ id: 'CompanyFields', examples: [exampleCompany] }),
  change: bodyOf(z.object(companyFields).partial().shape).meta({
    id: 'CompanyChange',
    examples: [{ status: 'former' }],
  }),
};

/** The same for contacts. */
export const contactBodies = {
  create: bodyOf({
    ...contactFields,
    phone: contactFields.phone.default(null),
    position: contactFields.position.default(null),
  }).meta({ id: 'NewContact', examples: [exampleContact] }),
  replace: bodyOf(contactFields).meta({ id: 'ContactFields', examples: [exampleContact] }),
  change: bodyOf(z.object(contactFields).partial().shape).meta({
    id: 'ContactChange',
    examples: [{ position: 'CIO' }],
  }),
};

import { z } from 'zod';

const MAX_PAGE_SIZE = 100;

/** The query of every list: a search text, and which page of which size. */
export const pageQuery = z.object({
  q: z.string().max(100).optional().describe('Keeps what contains this text, in any letter case'),
  page: z.coerce.number().int().min(1).max(1_000_000).default(1).describe('Counted from 1'),
  pageSize: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(20),
});

/** The schema of one page of `item`s, named `id` in the OpenAPI document. */
export function pageOf<Item extends z.ZodType>(item: Item, id: string) {
  const total = z.int().min(0).describe('How many there are on all pages');
  return z.object({ items: z.array(item), page: z.int(), pageSize: z.int(), total }).meta({ id });
}

/** Cuts one page out of the whole list. */
export function cutPage<Item>(all: readonly Item[], { page, pageSize }: { page: number; pageSize: number }) {
  const start = (page - 1) * pageSize;
  return { items: all.slice(start, start + pageSize), page, pageSize, total: all.length };
}

/** Keeps the items of which one of the texts contains `q`; all of them when `q` is absent. */
export function search<Item>(
  items: readonly Item[],
  by: { q: string | undefined; texts: (item: Item) => string[] },
): Item[] {
  const wanted = by.q?.toLowerCase();
  if (!wanted) return [...items];
  return items.filter((item) => by.texts(item).some((text) => text.toLowerCase().includes(wanted)));
}

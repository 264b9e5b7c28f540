/** The path in the one spelling that is matched and forwarded, or why there is no safe one. */
export type NormalisedPath = { readonly path: string } | { readonly refusal: string };

const refuse = (refusal: string): NormalisedPath => ({ refusal });

/** Spelled plainly and free of anything that needs a second look. Most requests end here. */
const PLAIN = /^\/(?:[A-Za-z0-9_~!$&'()*+,=:@-]+\/)*[A-Za-z0-9_~!$&'()*+,=:@-]*$/;

const UNRESERVED = /[A-Za-z0-9._~-]/;

/**
 * Brings a path into its normal form: percent-encoded unreserved characters decoded, hex digits in upper case.
 * What servers read in different ways is refused and not repaired, because a repaired path is one that policy saw
 * differently from the client or the service: empty and dot segments, backslashes, `;` parameters, control characters,
 * slashes and all of these when encoded, spaces at an end of a segment, double encoding, and bytes that are not UTF-8
 * (some read `%C0%AE` as a dot).
 * @param path the request target without its query
 * @see RFC 3986 §6.2.2
 */
export function normalisePath(path: string): NormalisedPath {
  if (PLAIN.test(path)) return { path };
  if (!path.startsWith('/')) return refuse('the path must start with "/"');
  if (path.includes('//')) return refuse('the path has an empty segment ("//")');
  if (/[;\\]/.test(path)) return refuse('the path has a ";" or "\\"');
  if (/[^!-~]|["<>^`{|}#]/.test(path)) return refuse('the path has a character that must be percent-encoded');
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return refuse('the path has a "%" that is not followed by two hex digits');
  if (/%(?:2f|3b|5c|[01][0-9a-f]|7f)/i.test(path)) {
    return refuse('the path has an encoded slash, backslash, ";" or control character');
  }
  if (!isUtf8(path)) return refuse('the path has percent-encoded bytes that are not UTF-8');
  const normal = path.replace(/%[0-9A-Fa-f]{2}/g, decodeUnreserved);
  // In the normal form: `%25%32%65` becomes `%252e` only there.
  if (/%25[0-9A-F]{2}/i.test(normal)) return refuse('the path is percent-encoded twice');
  // Some file systems drop such spaces: `/..%20/` climbs there, and `/admin%20` is `/admin`.
  if (/\/%20|%20(?:\/|$)/.test(normal)) return refuse('the path has a segment that begins or ends with a space');
  if (/\/\.{1,2}(?:\/|$)/.test(normal)) return refuse('the path has a dot segment ("." or "..")');
  return { path: normal };
}

function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function decodeUnreserved(encoded: string): string {
  const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
  return UNRESERVED.test(character) ? character : encoded.toUpperCase();
}

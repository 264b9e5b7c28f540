/** Parts of names of parameters whose values are nobody's business. */
const SECRET_NAME =
  /token|pass|pwd|secret|key|code|auth|sess|signature|hmac|credential|cookie|bearer|jwt|otp|assertion|saml/i;

/** The same, but too short to be looked for within words. */
const SHORT_SECRET_NAME = /(?:^|[^a-z])(?:pin|sig|sid)(?:$|[^a-z])/i;

/** Values that are secrets whatever their name is: tokens, and URLs with a password. */
const SECRET_VALUE = /eyJ[\w.-]{10}|psa_[0-9a-f]{16}_|\/\/[^/@]*@|\b(?:bearer|basic|apikey)[ +]/i;

/** A delimiter, a name and, after `=`, everything up to the next `&`. Matches follow each other, so the time is linear. */
const PIECE = /[?&;#/]?[^?&;#/=]*(?:=[^&]*)?/g;

/** Most targets have nothing that could be a parameter, a token or a password. */
const NEEDS_A_LOOK = /[=%@]|eyJ|psa_/;

/** A JWT, or as much as there is of one: base64url of `{"`; or an API key. */
const TOKEN = /eyJ[\w.%-]{10,}|psa_[0-9a-f]{16}_[\w%-]*/g;

/** The name and password of a URL. */
const USER_INFO = /\/\/[^/@\s"]*@/g;

/** Some services put a credential into a message of their own. */
const CREDENTIALS = /\b(Bearer|Basic|Negotiate|Digest|ApiKey) +[\w.~+/=-]{6,}/gi;
const COOKIES = /(cookie: *)[^\r\n"]+/gi;
const ASSIGNMENT = /((?:token|passw|secret|api.?key|signature)[\w-]{0,32}\\?["']?[=:] *\\?["']?)[^&\s"'\\,;]+/gi;

const MAX_TARGET_LENGTH = 2048;

/** How many times a name may have been percent-encoded, such as in a URL within a URL. */
const MAX_ENCODINGS = 3;

/** The target of a request as it may be kept: no secrets, and no more than a line should hold. */
export function masked(target: string): string {
  const text = target.length > MAX_TARGET_LENGTH ? `${target.slice(0, MAX_TARGET_LENGTH)}…` : target;
  if (!NEEDS_A_LOOK.test(text)) return text;
  if (!text.includes('%') && !isSecretName(text) && !SECRET_VALUE.test(text)) return text;
  return text.replace(TOKEN, '***').replace(USER_INFO, '//***@').replace(PIECE, maskedPiece);
}

/** A text of unknown origin, such as the message of an error, without what looks like a secret. */
export function scrubbed(text: string): string {
  return text
    .replace(TOKEN, '***')
    .replace(USER_INFO, '//***@')
    .replace(CREDENTIALS, '$1 ***')
    .replace(COOKIES, '$1***')
    .replace(ASSIGNMENT, '$1***');
}

function maskedPiece(piece: string): string {
  const plain = piece.includes('%') ? decoded(piece) : piece;
  const equalsAt = plain.indexOf('=');
  if (equalsAt === -1) return piece;
  const name = plain.slice(0, equalsAt);
  const value = plain.slice(equalsAt + 1);
  // A value may hold parameters of its own: those of a URL, those behind a `;`, or JSON.
  const namesWithin = value.slice(0, Math.max(value.lastIndexOf('='), value.lastIndexOf(':')) + 1);
  if (!isSecretName(name) && !isSecretName(namesWithin) && !SECRET_VALUE.test(value)) return piece;
  return `${piece.slice(0, Math.max(piece.search(/=|%3d/i), 0))}=***`;
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) || SHORT_SECRET_NAME.test(name);
}

/** Without percent-encoding. Only ASCII has to come out right: it is what the names are made of. */
function decoded(piece: string): string {
  let text = piece;
  for (let times = 0; times < MAX_ENCODINGS && text.includes('%'); times++) {
    text = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  return text;
}

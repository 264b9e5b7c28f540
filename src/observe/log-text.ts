/**
 * Characters that a terminal, an editor or a log viewer obeys instead of showing: line and paragraph separators, the
 * controls above ASCII, and those that turn the direction of writing. JSON escapes only the controls below 0x20.
 */
const UNSEEN = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const UNSEEN_OR_CONTROL = new RegExp(`[\\u0000-\\u001f]|${UNSEEN.source}`, 'g');

/** JSON in which nothing can look like a second line, or like anything else that it is not. It stays the same JSON. */
export function onOneLine(json: string): string {
  // Almost no line has any, and to look is cheaper than to replace.
  return json.search(UNSEEN) === -1 ? json : json.replace(UNSEEN, escaped);
}

/** A text for a terminal, with everything that is not to be seen written out. */
export function visible(text: string): string {
  return text.replace(UNSEEN_OR_CONTROL, escaped);
}

/** A text of several lines for a terminal. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The sentence that a generated file begins with, so that nobody edits it by hand. */
export function generatedNotice(source: string): string {
  return `Generated from ${source} by \`npm run generate\`. Edit that file, not this one.`;
}

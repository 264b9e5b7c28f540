import { type EnvironmentVariable, groupedVariables, type VariableGroup } from './environment-variables.ts';
import { generatedNotice } from './generated-notice.ts';

const HOW_TO_USE = [
  '# Copy to .env and fill in what is empty. What is commented out shows its default, or an example where there is none.',
  '# Exported variables win over this file. Types, bounds and units: docs/configuration.md',
];

/** `.env.example`: what has no default comes first and is not commented out. */
export function envExample(): string {
  const groups = groupedVariables();
  const pick = (isRequired: boolean) =>
    groups.flatMap(({ title, variables }) => {
      const picked = variables.filter((variable) => variable.isRequired === isRequired);
      return picked.length === 0 ? [] : [{ title, variables: picked }];
    });
  const required = pick(true).map(({ title, variables }) => ({ title: `${title} (required)`, variables }));
  const sections = [...required, ...pick(false)].map(sectionOf);
  return `${[`# ${generatedNotice('src/config/schema.ts')}`, ...HOW_TO_USE, '', sections.join('\n\n')].join('\n')}\n`;
}

function sectionOf({ title, variables }: VariableGroup): string {
  return [`## ${title}`, '', ...variables.map(entryOf)].join('\n');
}

function entryOf({ name, description, fallback, example, unit, isRequired }: EnvironmentVariable): string {
  const comment = `# ${description}${unit === undefined ? '' : ` Unit: ${unit}.`}`;
  const setting = `${name}=${fallback ?? example ?? ''}`;
  return `${comment}\n${isRequired ? '' : '# '}${setting}`;
}

import type { RouteSettings } from '../config/schema.ts';
import type { ComponentCopies } from './component-copies.ts';
import { withGatewayAnswers } from './gateway-answers.ts';
import { isObject, type Json, type JsonObject, textOf } from './json.ts';
import { followed } from './service-document.ts';

interface OperationSurroundings {
  readonly service: string;
  /** The path item that it stands in. */
  readonly item: JsonObject;
  /** Of the service's document. */
  readonly components: JsonObject;
  readonly route: RouteSettings;
  readonly copies: ComponentCopies;
}

const STATUS = /^(?:[1-5](?:\d\d|XX)|default)$/;

/**
 * An operation of a service as clients of the gateway meet it. Only what means the same here is taken over: not the
 * service's servers, security, callbacks, links and extensions.
 */
export function publicOperation(source: JsonObject, surroundings: OperationSurroundings): JsonObject {
  const { service, route, copies } = surroundings;
  const summary = textOf(source.summary);
  const description = [textOf(source.description), rolesNeeded(route)]
    .filter((text) => text !== undefined)
    .join('\n\n');
  const parameters = parametersOf(source, surroundings).map(copies.copy);
  return {
    tags: [service],
    ...(summary === undefined ? {} : { summary: copies.copy(summary) }),
    ...(description === '' ? {} : { description: copies.copy(description) }),
    ...(source.deprecated === true ? { deprecated: true } : {}),
    security: route.auth === 'required' ? [{ bearerAuth: [] }, { apiKeyAuth: [] }] : [],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(isObject(source.requestBody) ? { requestBody: copies.copy(source.requestBody) } : {}),
    responses: withGatewayAnswers(responsesOf(source, surroundings), route),
  };
}

function rolesNeeded({ roles }: RouteSettings): string | undefined {
  return roles && `Needs one of the roles: ${roles.map((role) => `\`${role}\``).join(', ')}.`;
}

/** Those of the path as well, unless the operation has one of the same name and place. @see OpenAPI 3.1 §4.8.9.1 */
function parametersOf(source: JsonObject, { item, components }: OperationSurroundings): readonly Json[] {
  const byPlace = (list: Json | undefined) =>
    (Array.isArray(list) ? (list as readonly Json[]) : []).flatMap((parameter): [string, Json][] => {
      const found = isObject(parameter) ? followed(parameter, components) : undefined;
      const name = textOf(found?.name);
      const place = textOf(found?.in);
      return name === undefined || place === undefined ? [] : [[`${place} ${name}`, parameter]];
    });
  return [...new Map([...byPlace(item.parameters), ...byPlace(source.parameters)]).values()];
}

/** Each written out, because the gateway's own answers may have to be added to it. */
function responsesOf({ responses }: JsonObject, { components, copies }: OperationSurroundings): JsonObject {
  const entries = Object.entries(isObject(responses) ? responses : {}).flatMap(([status, response]) => {
    const found = isObject(response) ? followed(response, components) : undefined;
    if (found === undefined || !STATUS.test(status)) return [];
    // They name operations by ids and paths that only the service has.
    const { links: _links, ...rest } = found;
    return [[status, { description: '', ...(copies.copy(rest) as JsonObject) }] as const];
  });
  return Object.fromEntries(entries);
}

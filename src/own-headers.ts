import type { IncomingMessage, ServerResponse } from 'node:http';
import { contextOf } from './context.ts';

/**
 * Adds a header of the gateway's own to the answer of a request. It is written with the head, whoever writes that: in one
 * go with those of a service, which costs a third of what setting each of them by itself would. So a stage that passes
 * requests on says nothing by `setHeader`.
 */
export function addOwnHeader(req: IncomingMessage, name: string, value: string): void {
  contextOf(req).ownHeaders.push(name, value);
}

/** Whether the gateway says something itself under this name. */
export function hasOwnHeader(req: IncomingMessage, lowerCaseName: string): boolean {
  const { ownHeaders } = contextOf(req);
  for (let index = 0; index < ownHeaders.length; index += 2) {
    const name = ownHeaders[index];
    if (name?.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) return true;
  }
  return false;
}

/** The gateway's own headers, names and values in turn, for who writes them. A second head of an answer gets none. */
export function takeOwnHeaders(req: IncomingMessage): string[] {
  const context = contextOf(req);
  const { ownHeaders } = context;
  context.ownHeaders = [];
  return ownHeaders;
}

type WriteHead = (this: ServerResponse, ...args: Parameters<ServerResponse['writeHead']>) => ServerResponse;

/**
 * Returns a `writeHead` for the responses of the pipeline, by which no head leaves without the gateway's own headers. What
 * was set by `setHeader` is more special, and stays.
 */
export function writeHeadWithOwn(writeHead: WriteHead): WriteHead {
  return function writeHeadWithOwn(...args) {
    const own = takeOwnHeaders(this.req);
    for (let index = 0; index < own.length; index += 2) {
      const [name = '', value = ''] = [own[index], own[index + 1]];
      if (!this.hasHeader(name)) this.setHeader(name, value);
    }
    return writeHead.apply(this, args);
  };
}

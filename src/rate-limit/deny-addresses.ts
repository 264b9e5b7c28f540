import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { addressList } from './address-list.ts';

/** Stage: refuses clients of these addresses and CIDRs. */
export function denyAddresses(ranges: readonly string[]) {
  const isDenied = addressList(ranges);
  return function denyAddresses(req, _res, next) {
    if (isDenied(contextOf(req).client.address)) throw new Problem('ip_denied');
    next();
  } satisfies RequestHandler;
}

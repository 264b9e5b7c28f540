import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { asksForWebSocket, faultOfAnswer, faultOfHandshake, protocolsOf } from '../../../src/websocket/handshake.ts';

const asked = {
  connection: 'keep-alive, Upgrade',
  upgrade: 'WebSocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-protocol': 'chat.v1, chat.v2',
};
const answered = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
};
const request = (headers: IncomingHttpHeaders) => ({ headers, method: 'GET', httpVersion: '1.1' }) as IncomingMessage;

describe('a handshake', () => {
  it('has no fault if it is as RFC 6455 has it, in any letter case', () => {
    expect(faultOfHandshake(request(asked))).toBeUndefined();
    expect(faultOfHandshake(request({ ...asked, 'content-length': '0' }))).toBeUndefined();
  });

  it.each([
    ['websocket', true],
    ['h2c, WEBSOCKET', true],
    ['h2c', false],
    ['websockets', false],
    ['websocket/13', false],
    [undefined, false],
  ])('is what asks for a WebSocket: %s', (upgrade, asks) => {
    expect(asksForWebSocket(request(upgrade === undefined ? {} : { upgrade }))).toBe(asks);
  });

  it.each(['keep-alive', 'upgraded', undefined])('has a fault with Connection: %s', (connection) => {
    const { connection: _other, ...rest } = asked;
    const fault = faultOfHandshake(request(connection === undefined ? rest : { ...rest, connection }));
    expect(fault?.message).toContain('Connection');
  });
});

describe('the answer to a handshake', () => {
  it.each([
    ['', {}],
    [' with a subprotocol that was offered', { 'sec-websocket-protocol': 'chat.v2' }],
    [' with capitals', { connection: 'Upgrade', upgrade: 'WebSocket' }],
  ])('opens a WebSocket%s', (_what, more) => {
    expect(faultOfAnswer(request(asked), { ...answered, ...more })).toBeUndefined();
  });

  it.each<[string, IncomingHttpHeaders]>([
    ['Connection', { connection: 'close' }],
    ['Connection', { connection: undefined }],
    ['Upgrade', { upgrade: 'h2c' }],
    ['Accept', { 'sec-websocket-accept': 'S3PPLMBITXAQ9KYGZZHZRBK+XOO=' }],
    ['Protocol', { 'sec-websocket-protocol': 'CHAT.v1' }],
    ['Protocol', { 'sec-websocket-protocol': 'chat.v1, chat.v2' }],
    ['Extensions', { 'sec-websocket-extensions': 'permessage-deflate' }],
  ])('opens none with another %s: %p', (name, more) => {
    expect(faultOfAnswer(request(asked), { ...answered, ...more })).toContain(name);
  });

  it('may have extensions if some were offered', () => {
    const extensions = { 'sec-websocket-extensions': 'permessage-deflate' };
    expect(faultOfAnswer(request({ ...asked, ...extensions }), { ...answered, ...extensions })).toBeUndefined();
  });
});

describe('a list of subprotocols', () => {
  it('is read without what is empty', () => {
    expect(protocolsOf(' a,, b ,')).toEqual(['a', 'b']);
    expect(protocolsOf(undefined)).toEqual([]);
  });
});

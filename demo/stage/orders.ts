/** What the main process asks of the guard. The guard starts everything, so nothing can be running that it doesn't know of. */
export type Order =
  | {
      readonly id: number;
      readonly kind: 'start';
      readonly name: string;
      readonly command: readonly string[];
      readonly env: Record<string, string>;
      /** A pattern; the process is up when a line that it prints matches. */
      readonly readyLine: string;
    }
  | { readonly id: number; readonly kind: 'kill'; readonly name: string }
  | {
      readonly id: number;
      /** Programs that run to their end. */
      readonly kind: 'pm2' | 'gateway';
      readonly args: readonly string[];
      readonly env: Record<string, string>;
    };

/** What the guard answers; `id` is the order's. The first message, with id 0, says that it is on duty and where. */
export type Reply =
  | { readonly id: number; readonly folder: string }
  | { readonly id: number; readonly pid: number; readonly line: string }
  | { readonly id: number; readonly output: string }
  | { readonly id: number; readonly error: string };

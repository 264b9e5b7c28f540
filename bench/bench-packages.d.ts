// What the benchmark uses of its own packages. They are installed on demand, and types must be right without them too.

declare module 'fastify' {
  interface Application {
    register(plugin: unknown, options: object): unknown;
    listen(options: { port: number; host: string }, done: (error: Error | null) => void): void;
  }
  export function fastify(): Application;
}

declare module '@fastify/http-proxy' {
  export const fastifyHttpProxy: unknown;
}

declare module 'echarts' {
  interface Chart {
    setOption(option: object): void;
    renderToSVGString(): string;
    dispose(): void;
  }
  interface Options {
    readonly renderer: 'svg';
    readonly ssr: true;
    readonly width: number;
    readonly height: number;
  }
  export function init(element: null, theme: null, options: Options): Chart;
}

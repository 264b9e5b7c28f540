/** A file that `node --cpu-prof` writes, as far as it is read here. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** The node in which each sample was taken. */
  readonly samples: readonly number[];
  /** Microseconds from one sample to the next. */
  readonly timeDeltas: readonly number[];
  /** Microseconds of the system's monotonic clock. */
  readonly startTime: number;
}

/** A function, called from a certain stack. */
export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** A function in a call tree, with the time in it and in all that it calls. */
export interface Frame {
  readonly name: string;
  readonly url: string;
  selfMicroseconds: number;
  totalMicroseconds: number;
  readonly children: Frame[];
}

/** The time that is of interest, on the system's monotonic clock, in microseconds. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** Makes a call tree of the samples within the span. */
export function callTree(profile: CpuProfile, span: Span): Frame {
  const times = selfTimes(profile, span);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const frameOf = (node: ProfileNode): Frame => {
    const children = (node.children ?? []).flatMap((id) => {
      const child = nodes.get(id);
      return child === undefined || child.callFrame.functionName === '(idle)' ? [] : [frameOf(child)];
    });
    const { functionName, url } = node.callFrame;
    const selfMicroseconds = functionName === '(root)' ? 0 : (times.get(node.id) ?? 0);
    const below = children.reduce((sum, child) => sum + child.totalMicroseconds, 0);
    return {
      name: functionName || '(anonymous)',
      url,
      selfMicroseconds,
      totalMicroseconds: selfMicroseconds + below,
      children: children.filter(({ totalMicroseconds }) => totalMicroseconds > 0),
    };
  };
  const [root] = profile.nodes;
  if (root === undefined) throw new Error('the profile is empty');
  return frameOf(root);
}

function selfTimes({ samples, timeDeltas, startTime }: CpuProfile, { from, until }: Span): Map<number, number> {
  const times = new Map<number, number>();
  let now = startTime;
  for (const [index, id] of samples.entries()) {
    const passed = timeDeltas[index] ?? 0;
    now += passed;
    if (now < from || now > until) continue;
    times.set(id, (times.get(id) ?? 0) + passed);
  }
  return times;
}

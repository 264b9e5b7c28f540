import { type Figures, figuresOf } from './figures.ts';
import { type MeasuredRequest, measuredRequest, type Outage } from './measured-request.ts';
import type { RequestLine } from './request-line.ts';
import { type TimeLine, timeLineOf } from './time-line.ts';

/** A kind of answer, and how many there were. */
export interface AnswerCount {
  readonly status: number;
  readonly reason: string;
  readonly verdict: MeasuredRequest['verdict'];
  readonly count: number;
}

/** All that the requests of a run say. */
export interface Summary {
  readonly total: Figures;
  readonly operations: readonly { readonly name: string; readonly figures: Figures }[];
  readonly answers: readonly AnswerCount[];
  readonly timeLine: TimeLine;
  /** Requests that were sent before the measured ones. */
  readonly warmUpRequests: number;
}

interface SummaryOptions {
  /** So many requests at the beginning don't count. */
  readonly warmUpRequests: number;
  readonly outage: Outage | undefined;
}

/** Sums up the requests of a run, whatever their order. */
export function summarise(lines: readonly RequestLine[], { warmUpRequests, outage }: SummaryOptions): Summary {
  const sorted = lines.toSorted(([a], [b]) => a - b);
  const requests = sorted.slice(warmUpRequests).map((line) => measuredRequest(line, outage));
  const byOperation = Map.groupBy(requests, ({ operation }) => operation);
  const byAnswer = Map.groupBy(requests, ({ status, reason, verdict }) => `${status} ${reason} ${verdict}`);
  return {
    total: figuresOf(requests),
    operations: [...byOperation]
      .map(([name, group]) => ({ name, figures: figuresOf(group) }))
      .toSorted((a, b) => b.figures.requests - a.figures.requests),
    answers: [...byAnswer.values()].flatMap(answerCount).toSorted((a, b) => b.count - a.count),
    timeLine: timeLineOf(requests),
    warmUpRequests: Math.min(warmUpRequests, lines.length),
  };
}

function answerCount(group: readonly MeasuredRequest[]): AnswerCount[] {
  const [first] = group;
  if (first === undefined) return [];
  const { status, reason, verdict } = first;
  return [{ status, reason, verdict, count: group.length }];
}

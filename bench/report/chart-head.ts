/** Title and legend, one below the other: ECharts would write one over the other. */
export function chartHead(text: string): object {
  return {
    title: { text, left: 8, top: 6, textStyle: { fontSize: 16 } },
    // Without a browser ECharts takes texts for narrower than they are.
    legend: { top: 36, left: 8, itemGap: 26, textStyle: { fontSize: 11 } },
  };
}

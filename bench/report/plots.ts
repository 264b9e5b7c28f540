import { init } from 'echarts';

const WIDTH = 900;
const HEIGHT = 420;

/** Draws a chart by the options of ECharts, without a browser. */
export function drawChart({ option, height = HEIGHT }: { option: object; height?: number }): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, backgroundColor: '#fff', ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

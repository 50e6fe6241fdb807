// SPDX-License-Identifier: Apache-2.0

// The OpenTelemetry SDK of Node.js as a sender for the tests; ../README.md says
// what is sent.  Everything about where and how is the SDK's own to read from
// the environment.
import { DiagLogLevel, SpanKind, SpanStatusCode, ValueType, diag, metrics, trace }
  from '@opentelemetry/api';
import { SeverityNumber, logs } from '@opentelemetry/api-logs';
import { NodeSDK, metrics as sdkMetrics } from '@opentelemetry/sdk-node';

const SCOPE = 'otlp-arrow.client';

function sendOrders(count) {
  // trace.getTracer() would not pass the options on.
  const tracer = trace.getTracerProvider().getTracer(SCOPE, '1.2',
    { schemaUrl: 'https://schema.example/1' });
  const logger = logs.getLogger(SCOPE, '1.2');
  const orders = metrics.getMeter(SCOPE, '1.2').createCounter('orders',
    { unit: '1', description: 'orders taken', valueType: ValueType.INT });
  for (let i = 0; i < count; i++) {
    const attributes = {
      index: i, text: 'é', large: Number.MIN_SAFE_INTEGER, double: 2.5, yes: true,
      texts: ['a', 'b'], numbers: [1, -2],
    };
    tracer.startActiveSpan('order', { kind: SpanKind.SERVER, attributes }, (order) => {
      order.addEvent('packed', { n: i });
      orders.add(1, { shelf: 'ab'[i % 2] });
      const links = [{ context: order.spanContext(), attributes: { why: 'test' } }];
      const pay = tracer.startSpan('pay', { kind: SpanKind.CLIENT, links });
      pay.setStatus({ code: SpanStatusCode.ERROR, message: 'it broke' });
      pay.end();
      logger.emit({
        severityNumber: SeverityNumber.WARN, severityText: 'WARN', body: `stock é is ${i}`,
        attributes: { shelf: 'A7', left: i }, timestamp: Date.now(),
      });
      order.end();
    });
  }
  return [2 * count, count];
}

function sendPoints() {
  const meter = metrics.getMeter(SCOPE, '1.2');
  const whole = { valueType: ValueType.INT };
  meter.createUpDownCounter('stock', whole).add(-7);
  const duration = meter.createHistogram('duration', { unit: 's' });
  const size = meter.createHistogram('size');
  for (const value of [0.5, 7, 20000]) {
    duration.record(value);
    size.record(value);
  }
  size.record(0);
  meter.createGauge('temperature').record(2.25, { where: 'here' });
  meter.createObservableCounter('observed.counter', whole)
    .addCallback((result) => result.observe(11));
  meter.createObservableUpDownCounter('observed.updown', whole)
    .addCallback((result) => result.observe(-12));
  meter.createObservableGauge('observed.gauge').addCallback((result) => result.observe(1.5));
  return 9;
}

// An exporter that gives up says so to the diagnostics alone.
const errors = [];
const note = (...words) => { errors.push(words.join(' ')); };
const quiet = () => {};
diag.setLogger({ error: note, warn: note, info: quiet, debug: quiet, verbose: quiet },
  { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });

const sdk = new NodeSDK({
  views: [{
    instrumentName: 'size',
    aggregation: { type: sdkMetrics.AggregationType.EXPONENTIAL_HISTOGRAM },
  }],
});
sdk.start();
const [spans, records] = sendOrders(Number(process.argv[2]));
const points = sendPoints();
await sdk.shutdown();
if (errors.length > 0) {
  console.error(errors.join('\n'));
  process.exit(1);
}
console.log(JSON.stringify({ spans, points, logs: records }));

// SPDX-License-Identifier: Apache-2.0

import static io.opentelemetry.api.common.AttributeKey.booleanKey;
import static io.opentelemetry.api.common.AttributeKey.doubleKey;
import static io.opentelemetry.api.common.AttributeKey.longArrayKey;
import static io.opentelemetry.api.common.AttributeKey.longKey;
import static io.opentelemetry.api.common.AttributeKey.stringArrayKey;
import static io.opentelemetry.api.common.AttributeKey.stringKey;

import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import java.time.Instant;
import java.util.List;

/** What every client tells. */
final class Story {
  static final int POINTS = 9;
  private static final String SCOPE = "otlp-arrow.client";

  private final Tracer tracer;
  private final Meter meter;
  private final Logger logger;

  Story(OpenTelemetry sdk) {
    tracer =
        sdk.getTracerProvider()
            .tracerBuilder(SCOPE)
            .setInstrumentationVersion("1.2")
            .setSchemaUrl("https://schema.example/1")
            .build();
    meter = sdk.getMeterProvider().meterBuilder(SCOPE).setInstrumentationVersion("1.2").build();
    logger =
        sdk.getLogsBridge().loggerBuilder(SCOPE).setInstrumentationVersion("1.2").build();
  }

  @SuppressWarnings("try") // the scope is entered and left, and not else used
  void sendOrders(int count) {
    LongCounter orders =
        meter.counterBuilder("orders").setUnit("1").setDescription("orders taken").build();
    for (int i = 0; i < count; i++) {
      Span order = tracer.spanBuilder("order").setSpanKind(SpanKind.SERVER).startSpan();
      try (Scope inside = order.makeCurrent()) {
        order.setAllAttributes(everyType(i));
        order.addEvent("packed", Attributes.of(longKey("n"), (long) i));
        orders.add(1, Attributes.of(stringKey("shelf"), i % 2 == 0 ? "a" : "b"));
        Span pay =
            tracer
                .spanBuilder("pay")
                .setSpanKind(SpanKind.CLIENT)
                .addLink(order.getSpanContext(), Attributes.of(stringKey("why"), "test"))
                .startSpan();
        pay.setStatus(StatusCode.ERROR, "it broke");
        pay.end();
        emit(i);
      } finally {
        order.end();
      }
    }
  }

  private static Attributes everyType(int i) {
    return Attributes.builder()
        .put(longKey("index"), (long) i)
        .put(stringKey("text"), "é")
        .put(longKey("large"), Long.MIN_VALUE)
        .put(doubleKey("double"), 2.5)
        .put(booleanKey("yes"), true)
        .put(stringArrayKey("texts"), List.of("a", "b"))
        .put(longArrayKey("numbers"), List.of(1L, -2L))
        .build();
  }

  private void emit(int i) {
    logger
        .logRecordBuilder()
        .setTimestamp(Instant.now())
        .setSeverity(Severity.WARN)
        .setSeverityText("WARN")
        .setBody("stock é is " + i)
        .setAttribute(stringKey("shelf"), "A7")
        .setAttribute(longKey("left"), (long) i)
        .emit();
  }

  /** POINTS counts those of "orders" too. */
  void sendPoints() {
    meter.upDownCounterBuilder("stock").build().add(-7);
    DoubleHistogram duration = meter.histogramBuilder("duration").setUnit("s").build();
    DoubleHistogram size = meter.histogramBuilder("size").build();
    for (double value : new double[] {0.5, 7, 20_000}) {
      duration.record(value);
      size.record(value);
    }
    size.record(0);
    meter
        .gaugeBuilder("temperature")
        .build()
        .set(2.25, Attributes.of(stringKey("where"), "here"));
    meter.counterBuilder("observed.counter").buildWithCallback(o -> o.record(11));
    meter.upDownCounterBuilder("observed.updown").buildWithCallback(o -> o.record(-12));
    meter.gaugeBuilder("observed.gauge").buildWithCallback(o -> o.record(1.5));
  }
}

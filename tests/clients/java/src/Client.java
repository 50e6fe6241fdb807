// SPDX-License-Identifier: Apache-2.0

import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.InstrumentSelector;
import io.opentelemetry.sdk.metrics.View;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/**
 * The OpenTelemetry SDK of Java as a sender for the tests; ../../README.md says what is sent.
 * Everything about where and how is the SDK's own to read from the environment.
 */
final class Client {
  private Client() {}

  /** An exporter that gives up says so in the log alone. */
  private static final class Errors extends Handler {
    final List<String> seen = Collections.synchronizedList(new ArrayList<>());

    @Override
    public void publish(LogRecord record) {
      if (record.getLevel().intValue() >= Level.WARNING.intValue()) {
        seen.add(record.getMessage());
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  private static OpenTelemetrySdk newSdk() {
    return AutoConfiguredOpenTelemetrySdk.builder()
        .disableShutdownHook()
        .addMeterProviderCustomizer(
            (builder, config) ->
                builder.registerView(
                    InstrumentSelector.builder().setName("size").build(),
                    View.builder()
                        .setAggregation(Aggregation.base2ExponentialBucketHistogram())
                        .build()))
        .build()
        .getOpenTelemetrySdk();
  }

  public static void main(String[] arguments) {
    int count = Integer.parseInt(arguments[0]);
    Errors errors = new Errors();
    Logger log = Logger.getLogger("io.opentelemetry.exporter");
    log.addHandler(errors);
    OpenTelemetrySdk sdk = newSdk();
    Story story = new Story(sdk);
    story.sendOrders(count);
    story.sendPoints();
    boolean flushed = sdk.shutdown().join(30, TimeUnit.SECONDS).isSuccess();
    if (!flushed || !errors.seen.isEmpty()) {
      System.err.println("not all was sent: " + errors.seen);
      System.exit(1);
    }
    System.out.printf(
        "{\"spans\": %d, \"points\": %d, \"logs\": %d}%n", 2 * count, Story.POINTS, count);
  }
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"
)

// sendOrders gives the number of spans and of log records.
func sendOrders(ctx context.Context, p *providers, count int) (int, int) {
	tracer := p.traces.Tracer(scopeName, trace.WithInstrumentationVersion(scopeVersion),
		trace.WithSchemaURL(schemaURL),
		trace.WithInstrumentationAttributes(attribute.String("in", "scope")))
	logger := p.logs.Logger(scopeName, log.WithInstrumentationVersion(scopeVersion))
	orders, _ := p.metrics.Meter(scopeName, metric.WithInstrumentationVersion(scopeVersion)).
		Int64Counter("orders", metric.WithUnit("1"), metric.WithDescription("orders taken"))
	for i := range count {
		inOrder, order := tracer.Start(ctx, "order", trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(
				attribute.Int("index", i), attribute.String("text", "é"),
				attribute.Int64("large", math.MinInt64), attribute.Float64("double", 2.5),
				attribute.Bool("yes", true), attribute.StringSlice("texts", []string{"a", "b"}),
				attribute.IntSlice("numbers", []int{1, -2})))
		order.AddEvent("packed", trace.WithAttributes(attribute.Int("n", i)))
		orders.Add(inOrder, 1, metric.WithAttributes(
			attribute.String("shelf", []string{"a", "b"}[i%2])))

		_, pay := tracer.Start(inOrder, "pay", trace.WithSpanKind(trace.SpanKindClient),
			trace.WithLinks(trace.Link{SpanContext: order.SpanContext(),
				Attributes: []attribute.KeyValue{attribute.String("why", "test")}}))
		pay.SetStatus(codes.Error, "it broke")
		pay.End()
		emit(inOrder, logger, i)
		order.End()
	}
	return 2 * count, count
}

func emit(ctx context.Context, logger log.Logger, i int) {
	var record log.Record
	record.SetTimestamp(time.Now())
	record.SetSeverity(log.SeverityWarn)
	record.SetSeverityText("WARN")
	record.SetBody(attribute.StringValue(fmt.Sprintf("stock é is %d", i)))
	record.AddAttributes(attribute.String("shelf", "A7"), attribute.Int("left", i))
	logger.Emit(ctx, record)
}

// sendPoints gives the number of data points, those of "orders" included.
func sendPoints(ctx context.Context, provider *sdkmetric.MeterProvider) (int, error) {
	meter := provider.Meter(scopeName, metric.WithInstrumentationVersion(scopeVersion))
	stock, err1 := meter.Int64UpDownCounter("stock")
	duration, err2 := meter.Float64Histogram("duration", metric.WithUnit("s"))
	size, err3 := meter.Float64Histogram("size")
	temperature, err4 := meter.Float64Gauge("temperature")
	_, err5 := meter.Int64ObservableCounter("observed.counter",
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(11)
			return nil
		}))
	_, err6 := meter.Int64ObservableUpDownCounter("observed.updown",
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(-12)
			return nil
		}))
	_, err7 := meter.Float64ObservableGauge("observed.gauge",
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(1.5)
			return nil
		}))
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		return 0, err
	}
	stock.Add(ctx, -7)
	for _, value := range []float64{0.5, 7, 20_000} {
		duration.Record(ctx, value)
		size.Record(ctx, value)
	}
	size.Record(ctx, 0)
	temperature.Record(ctx, 2.25, metric.WithAttributes(attribute.String("where", "here")))
	return 9, nil
}

// SPDX-License-Identifier: Apache-2.0

// The OpenTelemetry SDK of Go as a sender for the tests; ../README.md says
// what is sent.  Endpoint, compression and resource are the SDK's own to read
// from the environment; the protocol chooses the package, as in any program.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	scopeName    = "otlp-arrow.client"
	scopeVersion = "1.2"
	schemaURL    = "https://schema.example/1"
)

type sent struct {
	Spans  int `json:"spans"`
	Points int `json:"points"`
	Logs   int `json:"logs"`
}

type providers struct {
	traces  *sdktrace.TracerProvider
	metrics *sdkmetric.MeterProvider
	logs    *sdklog.LoggerProvider
}

func newProviders(ctx context.Context) (*providers, error) {
	spans, points, records, err := newExporters(ctx, os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
	if err != nil {
		return nil, err
	}
	exponential := sdkmetric.NewView(sdkmetric.Instrument{Name: "size"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{
			MaxSize: 160, MaxScale: 20}})
	return &providers{
		traces: sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans)),
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithView(exponential),
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(points))),
		logs: sdklog.NewLoggerProvider(
			sdklog.WithProcessor(sdklog.NewBatchProcessor(records))),
	}, nil
}

func (p *providers) shutdown(ctx context.Context) error {
	return errors.Join(p.traces.Shutdown(ctx), p.metrics.Shutdown(ctx), p.logs.Shutdown(ctx))
}

func run(count int) (failure error) {
	// What the batch processors cannot return comes here.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		failure = errors.Join(failure, err)
	}))
	ctx := context.Background()
	p, err := newProviders(ctx)
	if err != nil {
		return err
	}
	var result sent
	result.Spans, result.Logs = sendOrders(ctx, p, count)
	if result.Points, err = sendPoints(ctx, p.metrics); err != nil {
		return err
	}
	if err := p.shutdown(ctx); err != nil {
		return err
	}
	if failure != nil {
		return failure
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func main() {
	count, err := strconv.Atoi(os.Args[len(os.Args)-1])
	if err == nil {
		err = run(count)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func newExporters(ctx context.Context, protocol string) (
	spans sdktrace.SpanExporter, points sdkmetric.Exporter, records sdklog.Exporter, err error,
) {
	var failed [3]error
	switch protocol {
	case "grpc":
		spans, failed[0] = otlptracegrpc.New(ctx)
		points, failed[1] = otlpmetricgrpc.New(ctx)
		records, failed[2] = otlploggrpc.New(ctx)
	case "http/protobuf":
		spans, failed[0] = otlptracehttp.New(ctx)
		points, failed[1] = otlpmetrichttp.New(ctx)
		records, failed[2] = otlploghttp.New(ctx)
	default:
		failed[0] = fmt.Errorf("this SDK has no protocol %q", protocol)
	}
	return spans, points, records, errors.Join(failed[:]...)
}

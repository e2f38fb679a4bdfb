package main

import (
	"context"
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/returnkit/returnkit/resilience"
)

// keyHeader names the metadata that makes a call safe to repeat.
const keyHeader = "idempotency-key"

// clientConfig is what calls of one service share.
type clientConfig struct {
	breaker *resilience.Breaker
	retrier *resilience.Retrier
	// timeout limits one attempt.
	timeout time.Duration
	// reads are the full names of methods without an effect, such as /bank.v1.Refunds/Find.
	reads map[string]bool
}

// unaryClient retries what may be repeated, and asks the breaker before each attempt. gRPC's
// own retries must be off (no retryPolicy in the service config), or the two multiply.
func unaryClient(c clientConfig) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		_, err := resilience.Retry(ctx, c.retrier, c.effect(ctx, method), func(ctx context.Context) (struct{}, error) {
			return resilience.Do(ctx, c.breaker, func(ctx context.Context) (struct{}, error) {
				return resilience.Timeout(ctx, c.timeout, func(ctx context.Context) (struct{}, error) {
					return struct{}{}, withWait(invoke(ctx, method, req, reply, conn, opts...))
				})
			})
		})
		if errors.Is(err, resilience.ErrOpen) {
			return status.Error(codes.Unavailable, err.Error())
		}
		return err
	}
}

// effect reports whether a call may be repeated: one that reads, or that carries a key.
func (c clientConfig) effect(ctx context.Context, method string) resilience.Effect {
	if c.reads[method] {
		return resilience.Idempotent
	}
	if md, ok := metadata.FromOutgoingContext(ctx); ok && len(md.Get(keyHeader)) > 0 {
		return resilience.Idempotent
	}
	return resilience.Once
}

// withWait marks an error with the wait that the server asked for.
func withWait(err error) error {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return resilience.RetryAfter(err, info.GetRetryDelay().AsDuration())
		}
	}
	return err
}

// retryable reports whether another attempt may end differently.
func retryable(err error) bool {
	if _, answered := status.FromError(err); !answered {
		return resilience.RetryableError(err)
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.Aborted, codes.DeadlineExceeded:
		return true
	}
	return false
}

// classify reports what an error says about the service: only an outage counts against it. A
// refusal is an answer, and so is a limit.
func classify(ctx context.Context, err error) resilience.Outcome {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Internal, codes.Unknown, codes.DataLoss:
		return resilience.ClassifyError(ctx, err)
	case codes.Canceled, codes.ResourceExhausted:
		return resilience.Neutral
	}
	return resilience.Success
}

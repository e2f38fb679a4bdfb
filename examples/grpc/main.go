// Command grpc puts the parts of resilience and throttle into gRPC interceptors: the client
// retries what may be repeated and stops calling a service that is down, the server gives
// each caller a fair share and says when to come back.
//
// Client and server are in one program, connected in memory:
//
//	go run .
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/throttle"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	b := &bank{}
	server, err := newServer(b)
	if err != nil {
		return err
	}
	listener := bufconn.Listen(1 << 16)
	defer server.Stop()
	go func() {
		if err := server.Serve(listener); err != nil {
			log.Print(err)
		}
	}()
	breaker, conn, err := newClient(listener)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx := context.Background()

	fmt.Println("find, the first attempt fails:", b.failNext(1), call(ctx, conn, "Find", "refund-17"), b.counted())
	fmt.Println("refund without a key:         ", b.failNext(1), call(ctx, conn, "Refund", "refund-17"), b.counted())
	keyed := metadata.AppendToOutgoingContext(ctx, keyHeader, "refund-17")
	fmt.Println("refund under a key:           ", b.failNext(1), call(keyed, conn, "Refund", "refund-17"), b.counted())
	fmt.Println("nothing to refund:            ", b.failNext(0), call(keyed, conn, "Refund", ""), b.counted())
	fmt.Println("the bank is down:             ", b.failNext(1000), call(ctx, conn, "Find", "refund-17"), b.counted())
	fmt.Println("                              ", b.failNext(1000), call(ctx, conn, "Find", "refund-17"), b.counted())
	fmt.Println("the breaker is", breaker.State())
	breaker.Reset()
	b.failNext(0)
	refused := 0
	for range 200 {
		if call(ctx, conn, "Refund", "refund-17") == codes.ResourceExhausted.String() {
			refused++
		}
	}
	fmt.Println("a greedy caller was refused:", refused > 100)
	return nil
}

// bank is the service: Find has no effect, Refund has one.
type bank struct {
	failures atomic.Int64 // further calls that are lost
	calls    atomic.Int64
}

// failNext makes the next n calls fail; it returns no text, to stand in a line of output.
func (b *bank) failNext(n int64) string {
	b.failures.Store(n)
	b.calls.Store(0)
	return ""
}

func (b *bank) counted() string { return fmt.Sprintf("(calls: %d)", b.calls.Load()) }

func (b *bank) answer(_ context.Context, id *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	b.calls.Add(1)
	if b.failures.Add(-1) >= 0 {
		return nil, status.Error(codes.Unavailable, "the bank is down")
	}
	if id.GetValue() == "" {
		return nil, status.Error(codes.InvalidArgument, "a refund has an id")
	}
	return wrapperspb.String(id.GetValue() + " succeeded"), nil
}

// description is what protoc would generate from a .proto file.
var description = grpc.ServiceDesc{
	ServiceName: "bank.v1.Refunds",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{
		{MethodName: "Find", Handler: handler("Find")},
		{MethodName: "Refund", Handler: handler("Refund")},
	},
}

func handler(method string) grpc.MethodHandler {
	return func(srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.StringValue)
		if err := decode(in); err != nil {
			return nil, err
		}
		info := &grpc.UnaryServerInfo{Server: srv, FullMethod: "/bank.v1.Refunds/" + method}
		return intercept(ctx, in, info, func(ctx context.Context, req any) (any, error) {
			return srv.(*bank).answer(ctx, req.(*wrapperspb.StringValue))
		})
	}
}

func newServer(b *bank) (*grpc.Server, error) {
	fair, err := throttle.NewFair(throttle.FairConfig{
		Limit: throttle.PerSecond(1, 20), MaxKeys: 1 << 10, MaxWait: throttle.NoWait,
	})
	if err != nil {
		return nil, err
	}
	guard, err := throttle.NewGuard(throttle.GuardConfig{Limiter: fair, OnFailure: throttle.FailClosed})
	if err != nil {
		return nil, err
	}
	queue, err := throttle.NewQueue(
		throttle.QueueConfig{Name: "refunds", Concurrency: 8, MaxWaiting: 32, MaxWait: time.Second},
	)
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(unaryServer(guard, queue, peerKey)))
	server.RegisterService(&description, b)
	return server, nil
}

// newClient returns a connection that every caller of the bank shares, and its breaker.
func newClient(listener *bufconn.Listener) (*resilience.Breaker, *grpc.ClientConn, error) {
	breaker, err := resilience.New(resilience.Config{Name: "bank", ConsecutiveFailures: 5, Classify: classify})
	if err != nil {
		return nil, nil, err
	}
	retrier, err := resilience.NewRetrier(resilience.RetryConfig{
		Name: "bank", Backoff: resilience.Backoff{Initial: time.Millisecond},
		MaxRetryAfter: 10 * time.Millisecond, Retryable: retryable,
	})
	if err != nil {
		return nil, nil, err
	}
	conn, err := grpc.NewClient("passthrough:///bank",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithDisableRetry(), // the interceptor retries
		grpc.WithUnaryInterceptor(unaryClient(clientConfig{
			breaker: breaker, retrier: retrier, timeout: 5 * time.Second,
			reads: map[string]bool{"/bank.v1.Refunds/Find": true},
		})))
	return breaker, conn, err
}

// call returns the answer, or the code of the error.
func call(ctx context.Context, conn *grpc.ClientConn, method, id string) string {
	reply := new(wrapperspb.StringValue)
	if err := conn.Invoke(ctx, "/bank.v1.Refunds/"+method, wrapperspb.String(id), reply); err != nil {
		return status.Code(err).String()
	}
	return reply.GetValue()
}

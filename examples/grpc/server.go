package main

import (
	"context"
	"log"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/returnkit/returnkit/throttle"
)

// unaryServer gives each caller a fair share of one limit, and runs what is admitted in a
// bounded queue. A call that did nothing gives its unit back.
func unaryServer(
	guard *throttle.Guard, queue *throttle.Queue, key func(context.Context) string,
) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		reservation := guard.Reserve(ctx, key(ctx), 1)
		if !reservation.Pass {
			return nil, busy(reservation.Decision.RetryAfter)
		}
		place, err := queue.Acquire(ctx)
		if err != nil {
			giveBack(ctx, reservation)
			return nil, busy(time.Second)
		}
		defer place.Release()
		reply, err := handle(ctx, req)
		if status.Code(err) == codes.InvalidArgument {
			giveBack(ctx, reservation)
		}
		return reply, err
	}
}

func giveBack(ctx context.Context, r *throttle.Reservation) {
	if err := r.GiveBack(ctx); err != nil {
		log.Print("a unit was not given back: ", err)
	}
}

// busy is a refusal that says when the same call will pass.
func busy(wait time.Duration) error {
	st, err := status.New(codes.ResourceExhausted, "System is busy").
		WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	if err != nil {
		return status.Error(codes.ResourceExhausted, "System is busy")
	}
	return st.Err()
}

// peerKey is the address a call comes from. A server that authenticates its callers returns
// the account instead.
func peerKey(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	return p.Addr.String()
}

package feature

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// redisPatience is how long a change waits for Redis: staff must not wait for one that does not
// answer, and the other replicas notice all the same.
const redisPatience = 500 * time.Millisecond

// Redis is the signal by PUBLISH, where processes share a Redis.
type Redis struct{ Client rueidis.Client }

// Publish notifies the other processes.
func (r Redis) Publish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	return r.Client.Do(ctx, r.Client.B().Publish().Channel(channel).Message("").Build()).Error()
}

// Listen subscribes.
func (r Redis) Listen(ctx context.Context, changed func()) error {
	hooked := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) {
		changed() // what happened before
	})
	return r.Client.Receive(hooked, r.Client.B().Subscribe().Channel(channel).Build(), func(rueidis.PubSubMessage) {
		changed()
	})
}

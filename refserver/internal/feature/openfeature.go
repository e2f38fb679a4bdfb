package feature

import (
	"context"

	"github.com/open-feature/go-sdk/openfeature"
)

// Provider answers OpenFeature clients from the switches: a boolean flag is the switch of its
// name, for the user who is the targeting key. Flags of other types do not exist.
type Provider struct{ Switches *Service }

// Metadata names the provider.
func (Provider) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: "returnkit"} }

// Hooks returns none.
func (Provider) Hooks() []openfeature.Hook { return nil }

// BooleanEvaluation reports whether a switch is on.
func (p Provider) BooleanEvaluation(
	_ context.Context, flag string, byDefault bool, user openfeature.FlattenedContext,
) openfeature.BoolResolutionDetail {
	if _, ok := Define(Name(flag)); !ok {
		return openfeature.BoolResolutionDetail{Value: byDefault, ProviderResolutionDetail: notFound(flag)}
	}
	id, _ := user[openfeature.TargetingKey].(string)
	on := p.Switches.On(Name(flag), id)
	variant := "off"
	if on {
		variant = "on"
	}
	return openfeature.BoolResolutionDetail{
		Value: on,
		ProviderResolutionDetail: openfeature.ProviderResolutionDetail{
			Reason:  openfeature.TargetingMatchReason,
			Variant: variant,
		},
	}
}

// StringEvaluation returns the default.
func (Provider) StringEvaluation(
	_ context.Context, flag, byDefault string, _ openfeature.FlattenedContext,
) openfeature.StringResolutionDetail {
	return openfeature.StringResolutionDetail{Value: byDefault, ProviderResolutionDetail: notFound(flag)}
}

// FloatEvaluation returns the default.
func (Provider) FloatEvaluation(
	_ context.Context, flag string, byDefault float64, _ openfeature.FlattenedContext,
) openfeature.FloatResolutionDetail {
	return openfeature.FloatResolutionDetail{Value: byDefault, ProviderResolutionDetail: notFound(flag)}
}

// IntEvaluation returns the default.
func (Provider) IntEvaluation(
	_ context.Context, flag string, byDefault int64, _ openfeature.FlattenedContext,
) openfeature.IntResolutionDetail {
	return openfeature.IntResolutionDetail{Value: byDefault, ProviderResolutionDetail: notFound(flag)}
}

// ObjectEvaluation returns the default.
func (Provider) ObjectEvaluation(
	_ context.Context, flag string, byDefault any, _ openfeature.FlattenedContext,
) openfeature.InterfaceResolutionDetail {
	return openfeature.InterfaceResolutionDetail{Value: byDefault, ProviderResolutionDetail: notFound(flag)}
}

func notFound(flag string) openfeature.ProviderResolutionDetail {
	return openfeature.ProviderResolutionDetail{
		ResolutionError: openfeature.NewFlagNotFoundResolutionError("there is no switch " + flag),
		Reason:          openfeature.ErrorReason,
	}
}

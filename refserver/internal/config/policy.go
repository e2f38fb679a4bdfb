package config

import "github.com/returnkit/returnkit/returns"

// Policy is the first version of the shop's terms, made of the settings.
// Later versions are published by staff; these settings no longer count then.
func (c Config) Policy() returns.Policy {
	p := returns.Policy{
		Enabled:     c.FeatureReturnsEnabled,
		WindowDays:  c.ReturnWindowDays,
		FinalSale:   true,
		MaxQuantity: c.MaxReturnItemQuantity,
		MaxPhotos:   c.ReturnsMaxPhotos,
		PhotoTypes:  append([]string(nil), c.ReturnsPhotoTypes...),
		RestockAt:   returns.RestockAtRefund,
		Currency:    c.Money(),
	}
	if c.ReturnsRequirePhotos {
		p.PhotosRequired = 1
	}
	return p
}

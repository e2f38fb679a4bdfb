package throttlehttp

import "net/http"

// KeyFunc returns the key under which a request is counted; ok is false if the
// request has none of that kind. Keys of different kinds begin differently, so
// that a user named like an address is not counted as it.
type KeyFunc func(r *http.Request) (key string, ok bool)

// FixedKey counts all requests together.
func FixedKey(key string) KeyFunc {
	return func(*http.Request) (string, bool) { return key, true }
}

// UserKey counts by the signed-in user, whose id the function returns; an empty one
// means that nobody is signed in. The id must come from a session that was looked up,
// and never from the cookie itself: anyone who can make up keys gets as many shares as
// they like.
func UserKey(user func(*http.Request) string) KeyFunc {
	return func(r *http.Request) (string, bool) {
		id := user(r)
		return "user:" + id, id != ""
	}
}

// AddressKey counts by the client's address, as [Proxies.Client] finds it. IPv6
// addresses count by their /64, which is what one customer is given: counting
// whole addresses would hand each of them 2^64 limits.
func AddressKey(trusted Proxies) KeyFunc {
	return func(r *http.Request) (string, bool) {
		addr, ok := trusted.Client(r)
		if !ok {
			return "", false
		}
		if addr.Is6() {
			net, err := addr.Prefix(64)
			if err != nil {
				return "", false
			}
			return "addr:" + net.String(), true
		}
		return "addr:" + addr.String(), true
	}
}

// FirstKey returns the first key that a request has, such as the user's or else
// the address.
func FirstKey(kinds ...KeyFunc) KeyFunc {
	return func(r *http.Request) (string, bool) {
		for _, f := range kinds {
			if key, ok := f(r); ok {
				return key, true
			}
		}
		return "", false
	}
}

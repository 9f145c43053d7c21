package codec

// LostKeys is the number of types that Of would have to look for twice.
func LostKeys() (n int) {
	mu.Lock()
	defer mu.Unlock()
	for key, t := range keys {
		if lookup(key) != t {
			n++
		}
	}
	return n
}

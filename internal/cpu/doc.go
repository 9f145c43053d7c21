// Package cpu is what the message path wants of the processor and the language
// does not offer.
//
//	StoreRelease64, StoreRelease32   a store that no earlier access passes
//	Pause                            wait without touching memory
//	Prefetch                         ask for lines before they are read
//	Copier                           copy to a core that may be far away
//	Line                             the size of one
//
// sync/atomic's Store is sequentially consistent: on amd64 an exchange, which
// waits until all earlier stores have reached the cache. A word with one writer
// needs that only where the writer goes on to read what the other side writes.
// Elsewhere a plain store is enough: amd64 keeps stores in order, and so does
// the compiler, and the processor can go on to the next entry meanwhile.
// BenchmarkStore and BenchmarkStoreRelease show the difference.
//
// On other processors, and under the race detector, the functions are what
// sync/atomic has: never less than what they promise.
package cpu

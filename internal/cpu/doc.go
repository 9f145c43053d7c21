// Package cpu offers what the message path needs of the processor and the language does
// not provide.
//
//	StoreRelease64, StoreRelease32   a store after all earlier loads and stores
//	Pause                            wait without touching memory
//	Prefetch                         fetch cache lines before they are read
//	Copier                           copy to a core that may be far away
//	Line                             the size of a cache line
//
// The Store of sync/atomic is sequentially consistent: on amd64 it is an exchange, which
// waits until all earlier stores have reached the cache. A word with one writer needs
// that only if the writer then reads what the other side writes. Otherwise a plain store
// is enough: amd64 keeps stores in order, and so does the compiler, and the processor can
// go on to the next entry meanwhile. BenchmarkStore and BenchmarkStoreRelease show the
// difference.
//
// On other processors, and under the race detector, the functions use sync/atomic, which
// never does less than they promise.
package cpu

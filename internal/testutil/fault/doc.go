// Package fault marks the steps at which a test can make a process die, stop
// or wait. Without the build tag faultinject a Hit is an empty function that
// the compiler removes. With it, the environment says what happens:
//
//	UNDERSTUDY_FAULT=point:action:k[,point:action:k...]
//
// At the k-th Hit of point in the process (1 is the first) the action is done:
// kill (SIGKILL), stop (SIGSTOP), exit (code 3), panic, or delay=DURATION.
package fault

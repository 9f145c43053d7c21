//go:build !race

#include "textflag.h"

// func Pause(n int)
TEXT ·Pause(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
again:
	PAUSE
	SUBQ $1, CX
	JGT  again
	RET

// func PrefetchWrite(b *byte, lines int)
TEXT ·PrefetchWrite(SB), NOSPLIT, $0-16
	MOVQ b+0(FP), AX
	MOVQ lines+8(FP), CX
next:
	BYTE $0x0F; BYTE $0x0D; BYTE $0x08 // PREFETCHW (AX); a NOP where it is unknown
	ADDQ $64, AX
	SUBQ $1, CX
	JGT  next
	RET

package codec_test

import "reflect"

// What two builds may do to a message between them. All these types have one
// name: they are declared inside of functions.

type inner struct{ A int32 }

var (
	before = func() reflect.Type {
		type Msg struct {
			A int
			B string
			C inner
		}
		return reflect.TypeFor[Msg]()
	}()
	retagged = func() reflect.Type {
		type Msg struct {
			A int `json:"a"`
			B string
			C inner
		}
		return reflect.TypeFor[Msg]()
	}()
)

var after = map[string]reflect.Type{
	"renamed": func() reflect.Type {
		type Msg struct {
			X int
			B string
			C inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"reordered": func() reflect.Type {
		type Msg struct {
			B string
			A int
			C inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"widened": func() reflect.Type {
		type Msg struct {
			A int
			B string
			C struct{ A int64 }
		}
		return reflect.TypeFor[Msg]()
	}(),
	"int64": func() reflect.Type {
		type Msg struct {
			A int64
			B string
			C inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"signed": func() reflect.Type {
		type Msg struct {
			A uint
			B string
			C inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"added": func() reflect.Type {
		type Msg struct {
			A int
			B string
			C inner
			D bool
		}
		return reflect.TypeFor[Msg]()
	}(),
	"removed": func() reflect.Type {
		type Msg struct {
			A int
			B string
		}
		return reflect.TypeFor[Msg]()
	}(),
	"bytes": func() reflect.Type {
		type Msg struct {
			A int
			B []byte
			C inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"pointer": func() reflect.Type {
		type Msg struct {
			A int
			B string
			C *inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"slice": func() reflect.Type {
		type Msg struct {
			A int
			B string
			C []inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"array": func() reflect.Type {
		type Msg struct {
			A int
			B string
			C [1]inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"longer": func() reflect.Type {
		type Msg struct {
			A int
			B string
			C [2]inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"map": func() reflect.Type {
		type Msg struct {
			A int
			B string
			C map[int]inner
		}
		return reflect.TypeFor[Msg]()
	}(),
	"marshaler": func() reflect.Type {
		type Msg struct {
			A int
			B string
			C Checked
		}
		return reflect.TypeFor[Msg]()
	}(),
}

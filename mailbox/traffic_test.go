package mailbox_test

import (
	"reflect"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
)

// TestTrafficAdds: the sum has every count.
func TestTrafficAdds(t *testing.T) {
	var x, sum mailbox.Traffic
	v := reflect.ValueOf(&x).Elem()
	for i := range v.NumField() {
		v.Field(i).SetUint(uint64(i + 1))
	}
	sum.Add(x)
	sum.Add(x)
	for i := range v.NumField() {
		if got, want := reflect.ValueOf(sum).Field(i).Uint(), uint64(2*(i+1)); got != want {
			t.Errorf("%s is %d, want %d", v.Type().Field(i).Name, got, want)
		}
	}
}

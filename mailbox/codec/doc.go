// Package codec turns typed values into bytes and back.
package codec

;; The echo guest. It copies its input to its output in whole words and then single bytes, through
;; the kernel's functions, as a plugin built with a development kit does.
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))

  (func (export "echo") (result i32)
    (local $length i64)
    (local $output i64)
    (local $words_end i64)
    (local $at i64)
    (local.set $length (call $input_length))
    (local.set $output (call $alloc (local.get $length)))
    (local.set $words_end (i64.and (local.get $length) (i64.const -8)))

    (block $words_copied
      (loop $next_word
        (br_if $words_copied (i64.ge_u (local.get $at) (local.get $words_end)))
        (call $store_u64
          (i64.add (local.get $output) (local.get $at))
          (call $input_load_u64 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br $next_word)))

    (block $bytes_copied
      (loop $next_byte
        (br_if $bytes_copied (i64.ge_u (local.get $at) (local.get $length)))
        (call $store_u8
          (i64.add (local.get $output) (local.get $at))
          (call $input_load_u8 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $next_byte)))

    (call $output_set (local.get $output) (local.get $length))
    (i32.const 0)))

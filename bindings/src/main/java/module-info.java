/**
 * The C ABI of the native library. Its types are for the library module alone; see {@code
 * dev.panaformer}.
 */
module dev.panaformer.bindings {
  exports dev.panaformer.bindings to
      dev.panaformer;
}

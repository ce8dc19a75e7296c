/** What a program on the module path requires: one module. */
module dev.panaformer.consumer {
  requires dev.panaformer;
}

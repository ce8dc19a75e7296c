module example {
  requires dev.panaformer;
}

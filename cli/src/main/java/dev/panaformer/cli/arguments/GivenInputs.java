package dev.panaformer.cli.arguments;

import dev.panaformer.cli.terminal.Progress;
import java.util.List;

/** Inputs that the command line itself holds, such as the names of files. */
public final class GivenInputs<T> implements InputSource<T> {
  private final List<T> inputs;
  private int position;

  public GivenInputs(List<T> inputs) {
    this.inputs = List.copyOf(inputs);
  }

  @Override
  public Progress.Unit unit() {
    return Progress.Unit.ITEMS;
  }

  @Override
  public long size() {
    return inputs.size();
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public List<T> next(int limit) {
    int from = position;
    position = Math.min(from + limit, inputs.size());
    return inputs.subList(from, position);
  }

  @Override
  public void close() {}
}

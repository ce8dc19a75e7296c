package dev.panaformer.cli;

import picocli.CommandLine.IVersionProvider;

/** The version in the manifest of the jar; class files in a folder have none. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    String version = Version.class.getPackage().getImplementationVersion();
    return new String[] {
      "panaformer " + (version == null ? "(development)" : version),
      "Java " + Runtime.version() + " (" + System.getProperty("java.vendor") + ")"
    };
  }
}

package dev.panaformer.consumer;

import dev.panaformer.TextEmbedder;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.lang.module.ModuleReference;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** The public classes of the packages that the library exports to all. */
final class ExportedClasses {
  private ExportedClasses() {}

  /**
   * Initialises each class and resolves the types of its public members. Whatever the library needs
   * and does not say becomes an error.
   */
  static void initialize() throws Exception {
    ModuleReference library = library();
    Set<String> exported =
        library.descriptor().exports().stream()
            .filter(export -> !export.isQualified())
            .map(ModuleDescriptor.Exports::source)
            .collect(Collectors.toSet());
    int count = 0;
    for (String name : classNames(library)) {
      int dot = name.lastIndexOf('.');
      if (dot < 0 || !exported.contains(name.substring(0, dot))) {
        continue;
      }
      Class<?> type = Class.forName(name, true, TextEmbedder.class.getClassLoader());
      if (Modifier.isPublic(type.getModifiers())) {
        type.getMethods();
        type.getConstructors();
        type.getFields();
        type.getRecordComponents();
        count++;
      }
    }
    System.out.println("classes: " + count + " of " + exported.size() + " packages");
  }

  private static ModuleReference library() throws URISyntaxException {
    Module module = TextEmbedder.class.getModule();
    if (module.isNamed()) {
      return module
          .getLayer()
          .configuration()
          .findModule(module.getName())
          .orElseThrow()
          .reference();
    }
    Path jar =
        Path.of(TextEmbedder.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    return ModuleFinder.of(jar).findAll().iterator().next();
  }

  private static List<String> classNames(ModuleReference module) throws IOException {
    try (ModuleReader reader = module.open()) {
      return reader
          .list()
          .filter(file -> file.endsWith(".class") && !file.endsWith("-info.class"))
          .map(file -> file.substring(0, file.length() - ".class".length()).replace('/', '.'))
          .toList();
    }
  }
}

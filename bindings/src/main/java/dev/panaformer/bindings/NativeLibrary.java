package dev.panaformer.bindings;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;

/**
 * Finds, verifies and loads the native library. Call {@link #load} before any function of the
 * generated bindings.
 *
 * <p>The system property {@value #PATH_PROPERTY} names the library file or its folder. Without the
 * property, the library comes from the jar {@code panaformer-native} on the class path or module
 * path. It is extracted once for each version and content into a cache: the folder that the system
 * property {@value #CACHE_PROPERTY} names, else {@code $XDG_CACHE_HOME/panaformer}, else {@code
 * ~/.cache/panaformer}. If the cache cannot be written, the library is extracted into a temporary
 * folder of this process. The content of an extracted copy is verified before every load; a damaged
 * copy is replaced.
 *
 * <p>Thread-safe. Any number of processes can share a cache.
 */
public final class NativeLibrary {
  /** System property: the library file, or the folder that holds it. */
  public static final String PATH_PROPERTY = "panaformer.library.path";

  /** System property: the folder under which the library is cached. */
  public static final String CACHE_PROPERTY = "panaformer.cache";

  private static final String FILE_NAME = System.mapLibraryName("panaformer");

  private static boolean loaded;

  private NativeLibrary() {}

  /**
   * Loads the library if it is not loaded yet.
   *
   * @throws NativeLibraryException naming the file and what is wrong with it. Nothing stays loaded
   *     then, and a later call tries again.
   * @throws IllegalCallerException if the JVM denies native access; the message has the option that
   *     gives it
   */
  public static synchronized void load() {
    if (!loaded) {
      loadFile(locate());
      loaded = true;
    }
  }

  /**
   * Loads the library like {@link #load}, but returns the exception about the library instead of
   * throwing it. Returns empty if the library is loaded.
   *
   * @throws IllegalCallerException as {@link #load}
   */
  public static Optional<NativeLibraryException> tryLoad() {
    try {
      load();
      return Optional.empty();
    } catch (NativeLibraryException e) {
      return Optional.of(e);
    }
  }

  /**
   * Returns the library file to load: the file that the user named, or a verified copy of the
   * packaged library.
   */
  static Path locate() {
    return locate("panaformer", PATH_PROPERTY, "");
  }

  /**
   * Returns the file of one of Panaformer's libraries.
   *
   * @param name the platform-independent name
   * @param property the system property that may name the file
   * @param classifier the part of the jar's classifier after the platform
   */
  static Path locate(String name, String property, String classifier) {
    NativeAccess.require();
    String named = System.getProperty(property);
    String fileName = System.mapLibraryName(name);
    return named == null
        ? extract(cacheFolder(), fileName, property, classifier)
        : findNamed(Path.of(named), fileName, property);
  }

  private static Path findNamed(Path named, String fileName, String property) {
    Path file = Files.isDirectory(named) ? named.resolve(fileName) : named;
    if (!Files.isRegularFile(file)) {
      throw new NativeLibraryException(
          "No native library at "
              + file.toAbsolutePath()
              + ", where -D"
              + property
              + "="
              + named
              + " looks for it");
    }
    return file;
  }

  private static Path cacheFolder() {
    String folder = System.getProperty(CACHE_PROPERTY);
    if (folder != null) {
      return Path.of(folder);
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path caches =
        xdg == null || xdg.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(xdg);
    return caches.resolve("panaformer");
  }

  /**
   * Returns a verified copy of the packaged library, in {@code cache} if that can be written, else
   * in a temporary folder.
   */
  static Path extract(Path cache) {
    return extract(cache, FILE_NAME, PATH_PROPERTY, "");
  }

  private static Path extract(Path cache, String fileName, String property, String classifier) {
    String resource = "META-INF/native/" + platform() + "/" + fileName;
    String sha256 = packagedChecksum(resource, property, classifier);
    Path folder = cache.resolve("native").resolve(version() + "-" + sha256.substring(0, 16));
    Path file = folder.resolve(fileName);
    try {
      if (!Files.isRegularFile(file) || !isCopy(resource, file)) {
        Files.createDirectories(cache);
        createPrivate(folder);
        copy(resource, sha256, file);
      }
      return file;
    } catch (IOException cacheUnusable) {
      return extractTemporarily(resource, fileName, sha256, cacheUnusable);
    }
  }

  /**
   * Creates a folder that only its owner may enter, whatever the umask is: code is loaded from it.
   */
  private static void createPrivate(Path folder) throws IOException {
    if (folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } else {
      Files.createDirectories(folder);
    }
  }

  private static Path extractTemporarily(
      String resource, String fileName, String sha256, IOException cacheUnusable) {
    try {
      Path folder = Files.createTempDirectory("panaformer-");
      Path file = folder.resolve(fileName);
      folder.toFile().deleteOnExit();
      file.toFile().deleteOnExit();
      copy(resource, sha256, file);
      return file;
    } catch (IOException e) {
      e.addSuppressed(cacheUnusable);
      throw new NativeLibraryException(
          "Cannot extract the native library, neither into the cache ("
              + cacheUnusable
              + ") nor into a temporary folder ("
              + e
              + "); -D"
              + CACHE_PROPERTY
              + "=FOLDER names another cache",
          e);
    }
  }

  /**
   * Copies the packaged library to {@code file} atomically, so that no other process sees an
   * incomplete file.
   */
  private static void copy(String resource, String sha256, Path file) throws IOException {
    Path part = Files.createTempFile(file.getParent(), file.getFileName().toString(), ".part");
    try {
      try (InputStream in = resource(resource)) {
        if (in == null) {
          throw new NativeLibraryException(
              "No " + resource + " beside its checksum: its jar is damaged");
        }
        Files.copy(in, part, REPLACE_EXISTING);
      }
      String copied = sha256(part);
      if (!copied.equals(sha256)) {
        throw new NativeLibraryException(
            "The packaged native library "
                + resource
                + " has the SHA-256 "
                + copied
                + " instead of "
                + sha256
                + ": its jar is damaged");
      }
      Files.move(part, file, ATOMIC_MOVE, REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  /** Compares all bytes. In a JVM that has just started this is much faster than a checksum. */
  private static boolean isCopy(String resource, Path file) throws IOException {
    try (InputStream in = resource(resource)) {
      return in != null && Arrays.equals(in.readAllBytes(), Files.readAllBytes(file));
    }
  }

  private static String packagedChecksum(String resource, String property, String classifier) {
    try (InputStream in = resource(resource + ".sha256")) {
      if (in == null) {
        throw new NativeLibraryException(
            "No native library for "
                + platform()
                + ": neither is "
                + resource
                + " on the class path or module path (dependency dev.panaformer:panaformer-native:"
                + version()
                + ":"
                + platform()
                + classifier
                + "), nor does -D"
                + property
                + "=FILE name one");
      }
      return new String(in.readAllBytes(), UTF_8).strip();
    } catch (IOException e) {
      throw new NativeLibraryException("Cannot read " + resource + ".sha256: " + e, e);
    }
  }

  /** Loads {@code file} after checking that its ABI version is that of these bindings. */
  static void loadFile(Path file) {
    String absolute = file.toAbsolutePath().toString();
    try {
      checkAbiVersion(file);
      System.load(absolute);
    } catch (UnsatisfiedLinkError e) {
      throw new NativeLibraryException(
          "Cannot load the native library " + absolute + ": " + e.getMessage(), e);
    }
  }

  /**
   * Returns the functions of a library after checking that its ABI version is that of these
   * bindings. The library stays loaded.
   */
  static SymbolLookup lookup(Path file) {
    try {
      checkAbiVersion(file);
      return SymbolLookup.libraryLookup(file.toAbsolutePath(), Arena.global());
    } catch (UnsatisfiedLinkError e) {
      throw new NativeLibraryException(
          "Cannot load the native library " + file.toAbsolutePath() + ": " + e.getMessage(), e);
    }
  }

  /**
   * Checks the ABI version of a library. It uses a lookup that is closed again, because a library
   * that System.load has loaded is never unloaded.
   */
  private static void checkAbiVersion(Path file) {
    int found;
    try (Arena probe = Arena.ofConfined()) {
      MemorySegment abiVersion =
          SymbolLookup.libraryLookup(file.toAbsolutePath(), probe)
              .find("pf_abi_version")
              .orElseThrow(() ->
                  new NativeLibraryException(
                      file.toAbsolutePath()
                          + " is not a Panaformer library: it has no pf_abi_version"));
      found =
          (int)
              Linker.nativeLinker()
                  .downcallHandle(abiVersion, FunctionDescriptor.of(ValueLayout.JAVA_INT))
                  .invokeExact();
    } catch (IllegalArgumentException cannotOpen) {
      // The lookup does not say what is wrong, so let System.load throw an error that does.
      System.load(file.toAbsolutePath().toString());
      throw cannotOpen;
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
    int expected = panaformer_h.PF_ABI_VERSION();
    if (found != expected) {
      throw new NativeLibraryException(
          "The native library "
              + file.toAbsolutePath()
              + " has the ABI version "
              + found
              + ", these Java classes need "
              + expected
              + ": they belong to different versions of Panaformer");
    }
  }

  private static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch");
    return (os.startsWith("mac") ? "macos" : os.startsWith("windows") ? "windows" : os)
        + "-"
        + (arch.equals("amd64") ? "x86_64" : arch);
  }

  private static String version() {
    try (InputStream in = NativeLibrary.class.getResourceAsStream("version.txt")) {
      return new String(in.readAllBytes(), UTF_8).strip();
    } catch (IOException e) {
      throw new NativeLibraryException("Cannot read the version of the bindings: " + e, e);
    }
  }

  /**
   * Opens a resource of the library's jar, or returns null. The class loader finds it on the class
   * path and in modules that are part of the module graph.
   */
  private static InputStream resource(String name) throws IOException {
    InputStream in = NativeLibrary.class.getClassLoader().getResourceAsStream(name);
    return in == null ? NativeModules.open(name) : in;
  }

  private static String sha256(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      in.transferTo(new DigestOutputStream(OutputStream.nullOutputStream(), digest));
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}

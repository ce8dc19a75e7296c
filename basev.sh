. /tmp/w/kernel-read/build.sh
cd /tmp/w/base
ls cli/target/lib 2>/dev/null | head -3
for b in native java cuda-emulated; do
 $JAVA_HOME/bin/java --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -cp cli/target/panaformer-cli.jar dev.panaformer.cli.Main verify --help 2>&1 | head -40
 break
done

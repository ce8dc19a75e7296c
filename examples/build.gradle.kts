plugins {
    application
}

repositories {
    mavenLocal() // where "mvn install" in a clone of Panaformer puts it
    mavenCentral()
}

dependencies {
    implementation("dev.panaformer:panaformer:0.1.0")
    // Where the program will run: linux-x86_64 or linux-aarch64.
    runtimeOnly("dev.panaformer:panaformer-native:0.1.0:linux-x86_64")
}

tasks.compileJava {
    options.release = 22
}

application {
    mainModule = "example"
    mainClass = "example.Similarity"
    applicationDefaultJvmArgs = listOf("--enable-native-access=dev.panaformer,dev.panaformer.bindings")
}

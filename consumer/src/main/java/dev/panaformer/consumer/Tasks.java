package dev.panaformer.consumer;

import dev.panaformer.CausalLM;
import dev.panaformer.FillMask;
import dev.panaformer.ImageClassifier;
import dev.panaformer.ImageEmbedder;
import dev.panaformer.ImageSegmenter;
import dev.panaformer.ObjectDetector;
import dev.panaformer.QuestionAnswerer;
import dev.panaformer.Seq2Seq;
import dev.panaformer.TextClassifier;
import dev.panaformer.TextEmbedder;
import dev.panaformer.TokenClassifier;
import dev.panaformer.generate.GenerationOptions;
import java.nio.file.Path;

/** Each task once, with a small model. Prints what came out. */
final class Tasks {
  private static final String TEXT = "i love you";

  private Tasks() {}

  private static void print(String task, Object result) {
    System.out.println(task + ": " + result);
  }

  static void texts(Path models) {
    try (TextEmbedder model = TextEmbedder.load(models.resolve("bert-model"))) {
      print("embed", model.embed(TEXT).length + " numbers, " + model.description());
    }
    try (TextClassifier model =
        TextClassifier.load(models.resolve("bert-sequence-classification"))) {
      print("classify", model.classify(TEXT).size() + " labels");
    }
    try (TokenClassifier model =
        TokenClassifier.load(models.resolve("bert-token-classification"))) {
      print("entities", model.entities(TEXT));
    }
    try (FillMask model = FillMask.load(models.resolve("bert-masked-lm"))) {
      print("fill", model.fill("i [MASK] you", 3).getFirst().size() + " guesses");
    }
    try (QuestionAnswerer model =
        QuestionAnswerer.load(models.resolve("bert-question-answering"))) {
      print("answer", model.answer("love ?", TEXT));
    }
  }

  static void generation(Path models) {
    GenerationOptions options = GenerationOptions.builder().maxNewTokens(4).build();
    try (CausalLM model = CausalLM.load(models.resolve("gpt2-lm-generate"))) {
      print("generate", model.generate(new int[] {5, 6, 7}, options).result().finishReason());
    }
    try (Seq2Seq model = Seq2Seq.load(models.resolve("t5-tiny"))) {
      print("translate", model.stream(new int[] {5, 6, 1}, options).result().finishReason());
    }
  }

  static void images(Path models, Path image) {
    try (ImageClassifier model = ImageClassifier.load(models.resolve("vit-small"))) {
      print("image", model.read(image).width() + " pixels wide");
      print("classify-image", model.classify(image, 2).size() + " labels");
    }
    try (ImageEmbedder model = ImageEmbedder.load(models.resolve("vit-small"))) {
      print("embed-image", model.embed(image).length + " numbers");
    }
    try (ObjectDetector model = ObjectDetector.load(models.resolve("yolos-small"))) {
      print("detect", model.detect(image, 0.99).size() + " objects");
    }
    try (ImageSegmenter model = ImageSegmenter.load(models.resolve("segformer-small"))) {
      print("segment", model.segment(image).width() + " pixels wide");
    }
  }
}

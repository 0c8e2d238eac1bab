// Generates a scene with libtorch: writer MODEL PROMPT SEED TEMPERATURE
#include <torch/script.h>

#include <iostream>
#include <string>

int main(int count, char** arguments) {
  if (count != 5) {
    std::cerr << "writer MODEL PROMPT SEED TEMPERATURE\n";
    return 2;
  }
  try {
    torch::jit::Module writer = torch::jit::load(arguments[1], torch::kCPU);
    const std::string prompt = arguments[2];
    const torch::jit::Kwargs options = {
        {"max_new_tokens", 40},
        {"temperature", std::stod(arguments[4])},
        {"invent_words", true},
        {"seed", static_cast<int64_t>(std::stoll(arguments[3]))},
    };
    std::cout << writer.get_method("generate")({prompt}, options).toStringRef();
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}

"""The backbones: networks that turn a picture into four maps, at strides 4, 8, 16 and 32."""
